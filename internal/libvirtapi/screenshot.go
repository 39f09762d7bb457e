package libvirtapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// The media types of a screenshot: QEMU 7.1 and later give PNG through libvirt 8.9 and later, older ones PPM.
const (
	MediaPPM = "image/x-portable-pixmap"
	MediaPNG = "image/png"
)

const (
	screenshotLimit = 30 * time.Second
	screenshotMax   = 64 << 20
)

// Screenshot writes a picture of the first screen to w and gives its media type, MediaPPM or MediaPNG.
func (c *Conn) Screenshot(ctx context.Context, d Domain, w io.Writer) (string, error) {
	const op = "take a picture of domain"
	l, err := c.fresh(ctx)
	if err != nil {
		return "", err
	}
	defer l.cut()
	var picture memory
	_, err = on(ctx, l, op, d.Name, screenshotLimit, only(func(r *golibvirt.Libvirt) error {
		_, err := r.DomainScreenshot(d.handle(), &picture, 0, 0)
		// go-libvirt looks for the media type in the packet that ends the stream, where it is not, and fails to
		// decode it when everything has come.
		var refused golibvirt.Error
		if picture.Len() > 0 && !errors.As(err, &refused) && !lost(err) {
			return nil
		}
		return err
	}))
	if err != nil {
		return "", err
	}
	media := sniffPicture(picture.Bytes())
	if media == "" {
		return "", &Error{Op: op, Object: d.Name, Message: "libvirt sent no picture"}
	}
	_, err = w.Write(picture.Bytes())
	return media, err
}

func sniffPicture(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("P6")):
		return MediaPPM
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return MediaPNG
	}
	return ""
}

// memory is a buffer that swallows what is too much: a stream's writer must not return an error
// (digitalocean/go-libvirt#241).
type memory struct{ bytes.Buffer }

func (m *memory) Write(p []byte) (int, error) {
	if m.Len() < screenshotMax {
		_, _ = m.Buffer.Write(p)
	}
	return len(p), nil
}
