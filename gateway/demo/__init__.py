"""The demo household: five small services that are real in all but their subject. Nothing outside this package needs it."""
