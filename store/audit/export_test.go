package audit

// LookAt sets how many events a search looks at one by one.
func (l *Log) LookAt(most int) { l.most = most }

// Gathered is how many creates wait to be written together.
func (l *Log) Gathered() int {
	l.groups.mu.Lock()
	defer l.groups.mu.Unlock()
	if l.groups.next == nil {
		return 0
	}
	return len(l.groups.next.Writes)
}
