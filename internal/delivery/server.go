package delivery

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// Server hands files to a guest over plain HTTP. Each has a path that nobody
// can guess and is gone when its offer is taken back. What it carries is no
// secret from who is on the path, and is verified by a digest that came over
// WinRM.
type Server struct {
	listener net.Listener
	http     *http.Server
	patience time.Duration

	mu     sync.Mutex
	offers map[string]*offer // by path
}

type offer struct {
	name     string
	open     func() (io.ReadCloser, error)
	size     int64
	progress func(done int64)
	started  chan struct{} // closed at the first request
	once     sync.Once
}

// Serve listens on a free port of the address that faces the guest, who is
// given as a host or as host:port.
func Serve(ctx context.Context, guest string) (*Server, error) {
	ip, err := facing(ctx, guest)
	if err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		return nil, fmt.Errorf("HTTP server for the guest %s on %s: %w", guest, ip, err)
	}
	s := &Server{listener: l, patience: httpPatience, offers: map[string]*offer{}}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second}
	go func() { _ = s.http.Serve(l) }()
	return s, nil
}

// facing returns this host's address on the way to the guest. A UDP "dial"
// sends nothing; it only asks the routing table.
func facing(ctx context.Context, guest string) (string, error) {
	if host, _, err := net.SplitHostPort(guest); err == nil {
		guest = host
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", net.JoinHostPort(guest, "9"))
	if err != nil {
		return "", fmt.Errorf("no route to the guest %s: %w", guest, err)
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	return host, err
}

// Close stops serving; transfers under way are cut.
func (s *Server) Close() error { return s.http.Close() }

// offer makes a file fetchable until withdraw is called. open is called for
// each request.
func (s *Server) offer(name string, size int64, open func() (io.ReadCloser, error), progress func(int64)) (address string, started <-chan struct{}, withdraw func()) {
	var token [24]byte
	_, _ = rand.Read(token[:])
	path := "/" + hex.EncodeToString(token[:]) + "/" + url.PathEscape(name)
	o := &offer{name: name, size: size, open: open, progress: progress, started: make(chan struct{})}
	s.mu.Lock()
	s.offers[path] = o
	s.mu.Unlock()
	return "http://" + s.listener.Addr().String() + path, o.started, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.offers, path)
	}
}

// ServeHTTP answers a GET of an offered path; anything else is not found.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	o := s.offers[r.URL.EscapedPath()]
	s.mu.Unlock()
	if o == nil || r.Method != http.MethodGet {
		http.NotFound(w, r)
		return
	}
	o.once.Do(func() { close(o.started) })
	f, err := o.open()
	if err != nil {
		http.Error(w, "the file can no longer be read", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(o.size, 10))
	_, err = io.CopyBuffer(&meter{w: w, progress: o.progress}, io.LimitReader(f, o.size), make([]byte, 256<<10))
	if err != nil && !errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler) // the guest must see that the file is not whole
	}
}

// meter counts what was written.
type meter struct {
	w        io.Writer
	done     int64
	progress func(int64)
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.done += int64(n)
	if m.progress != nil {
		m.progress(m.done)
	}
	return n, err
}
