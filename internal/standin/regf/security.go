package regf

import "encoding/binary"

// addSecurity stores the one sk record that all keys share: owned by
// Administrators; SYSTEM and Administrators may all, Users may read; inherited
// by subkeys. It is its list's only member, so it points to itself.
func (e *encoder) addSecurity() {
	descriptor := securityDescriptor()
	e.security = e.cells.add(append(make([]byte, 20), descriptor...))
	b, le := e.cells.payload(e.security), binary.LittleEndian
	copy(b, "sk")
	le.PutUint32(b[4:], e.security)
	le.PutUint32(b[8:], e.security)
	le.PutUint32(b[16:], uint32(len(descriptor)))
}

func securityDescriptor() []byte {
	var (
		administrators = sid(32, 544)
		users          = sid(32, 545)
		system         = sid(18)
	)
	const keyAll, keyRead = 0x000f003f, 0x00020019
	var entries []byte
	for _, e := range []struct {
		mask uint32
		sid  []byte
	}{{keyAll, system}, {keyAll, administrators}, {keyRead, users}} {
		ace := []byte{0 /* allow */, 2 /* container inherit */}
		ace = binary.LittleEndian.AppendUint16(ace, uint16(8+len(e.sid)))
		ace = binary.LittleEndian.AppendUint32(ace, e.mask)
		entries = append(entries, append(ace, e.sid...)...)
	}
	acl := binary.LittleEndian.AppendUint16([]byte{2, 0}, uint16(8+len(entries)))
	acl = append(binary.LittleEndian.AppendUint16(acl, 3), 0, 0)
	acl = append(acl, entries...)

	const header = 20
	owner, group := header, header+len(administrators)
	dacl := group + len(system)
	d := []byte{1, 0}
	d = binary.LittleEndian.AppendUint16(d, 0x8004) // self-relative, DACL present
	d = binary.LittleEndian.AppendUint32(d, uint32(owner))
	d = binary.LittleEndian.AppendUint32(d, uint32(group))
	d = binary.LittleEndian.AppendUint32(d, 0)
	d = binary.LittleEndian.AppendUint32(d, uint32(dacl))
	d = append(d, administrators...)
	d = append(d, system...)
	return append(d, acl...)
}

// sid makes S-1-5-… of the NT authority.
func sid(sub ...uint32) []byte {
	b := []byte{1, byte(len(sub)), 0, 0, 0, 0, 0, 5}
	for _, s := range sub {
		b = binary.LittleEndian.AppendUint32(b, s)
	}
	return b
}
