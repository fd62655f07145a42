package pgwire

// paramStatus remembers what the client was told of the reported parameters,
// so that a change is told once, and one that was taken back not at all.
type paramStatus struct {
	params []reportedParam
	dirty  bool
}

type reportedParam struct {
	name, value, told string
	known             bool // told is meaningful
}

func (s *paramStatus) set(name, value string) {
	s.dirty = true
	for i := range s.params {
		if s.params[i].name == name {
			s.params[i].value = value
			return
		}
	}
	s.params = append(s.params, reportedParam{name: name, value: value})
}

// report appends a ParameterStatus for each value the client does not know.
func (s *paramStatus) report(o *output) {
	if !s.dirty {
		return
	}
	s.dirty = false
	for i := range s.params {
		p := &s.params[i]
		if p.known && p.told == p.value {
			continue
		}
		p.told, p.known = p.value, true
		at := o.begin('S')
		o.buf = append(append(o.buf, cstr(p.name)...), 0)
		o.buf = append(append(o.buf, cstr(p.value)...), 0)
		o.end(at)
	}
}
