package libvirtapi_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
)

// serial gives a packet another call's number.
func serial(n uint32, b []byte) []byte {
	binary.BigEndian.PutUint32(b[20:], n)
	return b
}

func TestReplyFirst(t *testing.T) {
	data := func(s string) []byte { return serial(3, packet(209, 3, 2, []byte(s))) }
	var (
		one    = serial(1, packet(66, 1, 0, nil))
		other  = serial(2, packet(212, 1, 0, []byte("another call's reply")))
		event  = serial(0, packet(107, 2, 0, make([]byte, 5000)))
		reply  = serial(3, packet(209, 1, 0, nil))
		end    = serial(3, packet(209, 3, 0, nil))
		in     = slices.Concat(one, data("a"), event, data("b"), other, reply, data("c"), end)
		want   = slices.Concat(one, event, other, reply, data("a"), data("b"), data("c"), end)
		inTime = slices.Concat(one, other, reply, event, data("a"), end)
	)
	for name, r := range map[string]io.Reader{"whole": bytes.NewReader(in), "by bytes": iotest.OneByteReader(bytes.NewReader(in)), "by halves": iotest.HalfReader(bytes.NewReader(in))} {
		if got, err := io.ReadAll(libvirtapi.NewReplyFirst(r)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, %d bytes of %d", name, err, len(got), len(want))
		}
	}
	if got, err := io.ReadAll(libvirtapi.NewReplyFirst(bytes.NewReader(inTime))); err != nil || !bytes.Equal(got, inTime) {
		t.Errorf("what is in order: %v, %d bytes of %d", err, len(got), len(inTime))
	}
	// Cut off anywhere: nothing that stands before the cut is lost.
	for n := range len(inTime) {
		got, err := io.ReadAll(libvirtapi.NewReplyFirst(bytes.NewReader(inTime[:n])))
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(got, inTime[:n]) {
			t.Fatalf("cut after %d: %v, %d bytes", n, err, len(got))
		}
	}
	// A daemon that never replies takes no memory without end.
	flood := slices.Repeat(data(string(make([]byte, 1<<20))), 20)
	if _, err := io.ReadAll(libvirtapi.NewReplyFirst(bytes.NewReader(flood))); err == nil {
		t.Error("20 MiB without a reply were kept")
	}
}
