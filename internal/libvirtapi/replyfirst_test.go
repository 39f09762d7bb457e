package libvirtapi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi/libvirttest"
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

// TestStreamsBeforeTheirReplies: the real daemon's bytes, in the order that a busy host's daemon sends them in.
func TestStreamsBeforeTheirReplies(t *testing.T) {
	p := libvirttest.NewProxy(t)
	p.Haste()
	ctx := within(t, time.Minute)
	c, err := libvirtapi.Connect(ctx, p.URI)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	pool, _ := libvirttest.Pool(t)
	data := noise(t, 3<<20+77)
	v, err := c.CreateVolume(ctx, pool, libvirtapi.VolumeSpec{Name: "data", Format: "raw", Capacity: uint64(len(data)), Mode: "0644"})
	if err != nil {
		t.Fatal(err)
	}
	if v, err = c.UploadVolume(ctx, v, bytes.NewReader(data), int64(len(data)), nil); err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	if n, err := c.DownloadVolume(ctx, v, sum, nil); err != nil || n != int64(len(data)) || [32]byte(sum.Sum(nil)) != sha256.Sum256(data) {
		t.Errorf("download: %d bytes of %d, %v", n, len(data), err)
	}
	d := guest(t, c, libvirttest.Guest(t, "", 1, libvirttest.Halt))
	var picture bytes.Buffer
	if media, err := c.Screenshot(ctx, d, &picture); err != nil || media == "" || picture.Len() < 1000 {
		t.Errorf("screenshot: %q, %d bytes, %v", media, picture.Len(), err)
	}
}
