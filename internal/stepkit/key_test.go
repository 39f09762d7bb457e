package stepkit

import (
	"strings"
	"testing"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
)

func TestKeyNamesTheStepThatSetsIt(t *testing.T) {
	disk := NewKey[string]("disk", "stepMainDisk")
	bag := NewBag()
	if _, err := disk.Get(bag); err == nil || !strings.Contains(err.Error(), "stepMainDisk") || !strings.Contains(err.Error(), "disk is not in the state bag") {
		t.Errorf("missing value: %v", err)
	}
	bag.Put("disk", 7)
	if _, err := disk.Get(bag); err == nil || !strings.Contains(err.Error(), "a int, not a string") {
		t.Errorf("value of another type: %v", err)
	}
	disk.Put(bag, "vda")
	if v, err := disk.Get(bag); v != "vda" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
	disk.Drop(bag)
	if v, ok := disk.Lookup(bag); ok {
		t.Errorf("dropped, and still %q", v)
	}
}

func TestFailed(t *testing.T) {
	for name, put := range map[string]func(multistep.StateBag){
		"cancelled": func(b multistep.StateBag) { b.Put(multistep.StateCancelled, true) },
		"halted":    func(b multistep.StateBag) { b.Put(multistep.StateHalted, true) },
	} {
		bag := NewBag()
		if Failed(bag) {
			t.Error("an empty bag is no failure")
		}
		put(bag)
		if !Failed(bag) {
			t.Errorf("%s is not taken for a failure", name)
		}
	}
}
