package expr

import (
	"strings"
	"time"
)

// loadZone finds a time zone by name.
func loadZone(name string) (*time.Location, error) {
	switch strings.ToUpper(name) {
	case "UTC", "GMT", "Z", "ZULU":
		return time.UTC, nil
	}
	z, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, errUnknownZone(name)
	}
	return z, nil
}
