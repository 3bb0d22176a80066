"""Units of energy in meV per molecule, from the CODATA values that scipy has."""

from scipy import constants

_MEV = constants.milli * constants.elementary_charge  # in joule

MEV_PER_HARTREE = constants.physical_constants["Hartree energy"][0] / _MEV
MEV_PER_KCAL_PER_MOL = constants.kilo * constants.calorie / constants.Avogadro / _MEV
