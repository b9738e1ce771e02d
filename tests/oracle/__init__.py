"""Scenarios whose figures are known without a simulator."""
