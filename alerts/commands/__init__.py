"""The commands of people on duty: ``roomwatch alerts silences rules routes token handover``.

Each talks to a gateway over HTTP and prints a table for people, in Chinese or English, or JSON for scripts.
Read ``client`` (the calls), ``tables`` (what is shown), then the command.
"""
