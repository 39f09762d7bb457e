package libvirt

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
	"github.com/hashicorp/packer-plugin-sdk/multistep/commonsteps"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// stepDownload is the SDK's download step, whose errors name no field.
type stepDownload struct {
	source   string // the field that names the file
	checksum string // the field that holds its checksum
	inner    *commonsteps.StepDownload
}

func (s *stepDownload) Title() string { return "Retrieving " + s.inner.Description }

func (s *stepDownload) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepDownload) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepDownload) Do(ctx context.Context, bag multistep.StateBag) error {
	quiet := stepkit.Quiet(bag)
	if s.inner.Run(ctx, quiet) == multistep.ActionContinue {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err := orError(quiet.Failure(), errors.New("it could not be retrieved"))
	// go-getter's type is lost on the way through the SDK.
	if strings.Contains(err.Error(), "Checksums did not match") {
		return fmt.Errorf("%s: %w; is the download complete, and the checksum that of this file?", s.checksum, err)
	}
	return fmt.Errorf("%s: %w", s.source, err)
}
