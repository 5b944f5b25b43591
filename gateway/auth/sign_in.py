"""Every way to sign in at once: by its form, a credential goes to the one authenticator that can judge it."""

from gateway.auth.access_token import CREDENTIAL_CHARACTERS_MAX
from gateway.auth.base import Authenticator, Presented
from gateway.core.principal import Principal

API_KEY = "fct_"


class SignIn:
    """An Authenticator over API keys and the access tokens of issuers."""

    def __init__(self, api_keys: Authenticator, access_tokens: Authenticator) -> None:
        self._api_keys = api_keys
        self._access_tokens = access_tokens

    async def authenticate(self, presented: Presented, now: float) -> Principal:
        """See `Authenticator`."""
        _, token = presented.credential(CREDENTIAL_CHARACTERS_MAX)
        judge = self._api_keys if token.startswith(API_KEY) else self._access_tokens
        return await judge.authenticate(presented, now)
