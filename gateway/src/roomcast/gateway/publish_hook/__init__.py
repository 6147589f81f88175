"""The before-publish hook: ask an application's HTTP endpoint about messages before they enter the log."""
