package proof

import "testing"

// departure says how the answers of the server depart from those of the model.
func (r *rig) departure(t testing.TB, c *Case) string { return "" }
