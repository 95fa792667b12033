package r4

// System is the one code system of the value set that a required binding names, "" if there is none or if there are
// several: the system that a value of type code has without saying so (R4 datatypes.html#code).
func (e *Element) System() string {
	if e.valueSet == 0 {
		return ""
	}
	if s := valueSets[e.valueSet-1].systems; len(s) == 1 {
		return s[0].system
	}
	return ""
}
