"""Ask an application's HTTP endpoint about messages before they enter the log: the publish hook."""
