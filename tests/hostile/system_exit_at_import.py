# expects: failed
# Asks politely to leave, when it is imported.
import sys

sys.exit(0)
