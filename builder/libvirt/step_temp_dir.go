package libvirt

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// stepTempDir makes the folder in which discs are put together before they go
// into the pool. Only this user may read it: the answer disc holds the build's
// password.
type stepTempDir struct{}

func (s *stepTempDir) Title() string { return "" }

func (s *stepTempDir) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepTempDir) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepTempDir) Do(_ context.Context, bag multistep.StateBag) error {
	journal, err := stepkit.TheJournal.Get(bag)
	if err != nil {
		return err
	}
	journal.Handle(kindFolder, removeFolder)
	in, err := theInputs.Get(bag)
	if err != nil {
		return err
	}
	dir := filepath.Join(os.TempDir(), "wintemplate-"+in.ID.Build)
	if _, err := stepkit.Record(bag, s, folderEntry(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("a temporary folder: %w; TMPDIR moves it", err)
	}
	theTempDir.Put(bag, dir)
	return nil
}
