"""Another gateway, reached over REST as its users reach it: how to sign in there, and what to ask."""
