"""The compiled engine: the model of `sim.model` as a machine over arrays, for volumes of whole nations.

It takes the same draws and gives the same records, row for row. The SimPy model is the definition of correct; this
package follows it, and a test holds one against the other over random scenarios.
"""
