package audit

// LookAt sets how many events a search looks at one by one.
func (l *Log) LookAt(most int) { l.most = most }
