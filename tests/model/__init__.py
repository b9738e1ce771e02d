"""Tests of the whole model from outside: scenarios in, records out."""
