"""Detectors: figures and their own past in, a finding out; pure, streaming, constant memory."""
