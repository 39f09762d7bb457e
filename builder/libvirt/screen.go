package libvirt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
)

// photographer is what a picture of the guest's screen asks of libvirt.
type photographer interface {
	Screenshot(ctx context.Context, d libvirtapi.Domain, w io.Writer) (mediaType string, err error)
}

var _ photographer = (*libvirtapi.Conn)(nil)

// pictureLimit bounds the picture, which nobody waits for but the error: a busy
// host may take its time.
const pictureLimit = 40 * time.Second

// withScreen adds to err where a picture of the guest's screen lies, taken
// before clean-up ends the machine: a Windows that hangs says why there and
// nowhere else. When there should be one and is none, err says why. A machine that
// has no screen any more gives none, and an interrupted build wants none. One that
// was stopped because the host's disk is full shows nothing of the cause, and there
// may be no room for the picture.
func withScreen(ctx context.Context, bag multistep.StateBag, c *Config, now func() time.Time, err error) error {
	if err == nil || errors.Is(err, libvirtapi.ErrNoSpace) || ctx.Err() != nil {
		return err
	}
	path, pictureErr := takePicture(ctx, bag, c, now())
	switch {
	case errors.Is(pictureErr, libvirtapi.ErrState), errors.Is(pictureErr, libvirtapi.ErrNotFound):
		log.Printf("[INFO] no picture of the guest's screen: %s", pictureErr)
		return err
	case pictureErr != nil:
		return fmt.Errorf("%w. There is no picture of its screen: %w", err, pictureErr)
	}
	return fmt.Errorf("%w. A picture of its screen: %s", err, path)
}

// takePicture writes the screen beside output_directory, which goes with a
// failed build.
func takePicture(ctx context.Context, bag multistep.StateBag, c *Config, now time.Time) (string, error) {
	host, err := hostAs[photographer](bag)
	if err != nil {
		return "", err
	}
	domain, err := theDomain.Get(bag)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, pictureLimit)
	defer cancel()
	var picture bytes.Buffer
	mediaType, err := host.Screenshot(ctx, domain, &picture)
	if err != nil {
		return "", err
	}
	ending := ".png"
	if mediaType == libvirtapi.MediaPPM {
		ending = ".ppm" // from a QEMU older than 7.1
	}
	path, err := filepath.Abs(filepath.Clean(c.OutputDir) + "-screen-" + now.UTC().Format("20060102T150405Z") + ending)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(path, picture.Bytes(), 0o600); err != nil {
		_ = os.Remove(path) // half a picture is none
		return "", err
	}
	return path, nil
}
