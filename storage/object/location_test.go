package object_test

import (
	"strings"
	"testing"

	"github.com/heliosdb/heliosdb-streaming/storage/object"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]object.Location{
		"s3://heliosdb-state/production/": {Provider: "s3", Bucket: "heliosdb-state", Prefix: "production"},
		"s3://b":                          {Provider: "s3", Bucket: "b"},
		"S3://b":                          {Provider: "s3", Bucket: "b"},
		"gs://b/a/b":                      {Provider: "gcs", Bucket: "b", Prefix: "a/b"},
		"azblob://c/p":                    {Provider: "azure", Bucket: "c", Prefix: "p"},
		"azure://c":                       {Provider: "azure", Bucket: "c"},
		"file:///srv/state/":              {Provider: "file", Bucket: "/srv/state"},
		"memory://":                       {Provider: "memory"},
	} {
		got, err := object.Parse(path)
		if err != nil || got != want {
			t.Errorf("%s: %+v %v", path, got, err)
			continue
		}
		if again, err := object.Parse(got.String()); err != nil || again != got {
			t.Errorf("%s: written as %s: %+v %v", path, got, again, err)
		}
	}
	for path, want := range map[string]string{
		"/var/lib":              "want one of s3://bucket/prefix",
		"http://x/y":            "want one of",
		"":                      "want one of",
		"file://relative/dir":   "absolute directory",
		"s3://":                 "want s3://bucket/prefix",
		"s3:///prefix":          "want s3://bucket/prefix",
		"s3://b:80/p":           "want s3://bucket/prefix",
		"s3://b/p?region=x":     "region and path_style",
		"s3://k:s@b/p":          "credentials come from",
		"s3://b/a//b":           "no empty parts",
		"s3://b/.hidden":        "the prefix",
		"azblob://c/with space": "the prefix",
	} {
		if _, err := object.Parse(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := object.ParseFor("gcs", "s3://b/p"); err == nil || !strings.Contains(err.Error(), `write backend = "s3", or a path like gs://`) {
		t.Errorf("another backend's path: %v", err)
	}
}
