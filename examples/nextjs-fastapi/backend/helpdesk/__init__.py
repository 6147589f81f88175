"""The back end of a small support desk: customers open tickets, agents answer them. Roomcast is its chat."""
