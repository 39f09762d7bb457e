package guest

import "testing"

// The mark of a sealed guest is met by the guest's own provisioners only: one run of Packer builds several guests, at
// times behind the same forwarded port or on an address that the one before has left.
func TestSealMark(t *testing.T) {
	t.Parallel()
	sealed := seat{Run: t.Name(), Build: "qemu.one", ID: "1", Host: "127.0.0.1", Port: 5986, pin: [32]byte{1}}
	if err := sealMark(sealed).make(); err != nil {
		t.Fatal(err)
	}
	again := sealed
	if !sealMark(again).exists() {
		t.Error("a later provisioner of the same build is not told")
	}
	for name, change := range map[string]func(*seat){
		"another run":         func(s *seat) { s.Run += "x" },
		"another source":      func(s *seat) { s.Build = "qemu.two" },
		"another machine":     func(s *seat) { s.ID = "2" },
		"another address":     func(s *seat) { s.Host = "127.0.0.2" },
		"another port":        func(s *seat) { s.Port++ },
		"another certificate": func(s *seat) { s.pin[0]++ },
		"a run without an id": func(s *seat) { s.Run = "" },
	} {
		other := sealed
		change(&other)
		if sealMark(other).exists() {
			t.Errorf("%s: taken for sealed", name)
		}
	}
}
