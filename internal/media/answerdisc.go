package media

import (
	"context"
	"errors"
)

// WriteAnswerDisc writes the disc that carries the answer file: ISO 9660 with
// Joliet and no UDF. The same label and files give the same bytes. On an error
// no file is left at out.
func WriteAnswerDisc(ctx context.Context, out, label string, files []DiscFile) error {
	return errors.New("not yet")
}
