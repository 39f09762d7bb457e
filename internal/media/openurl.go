package media

import (
	"context"
	"net/http"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/httprange"
)

// OpenURL opens the disc at an HTTP address, of which only what is read is
// transferred. The context bounds all reading of the image; Confirm ends it.
// client may be nil.
func OpenURL(ctx context.Context, client *http.Client, address string) (*Image, error) {
	r, err := httprange.Open(ctx, client, address)
	if err != nil {
		return nil, err
	}
	image, err := Open(r, r.Size())
	if err != nil {
		return nil, err
	}
	image.confirm = r.Confirm
	return image, nil
}
