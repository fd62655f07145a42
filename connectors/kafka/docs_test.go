package kafka

import (
	"os"
	"strings"
	"testing"
)

// Every option stands in docs/kafka.md.
func TestDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/kafka.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range OptionNames() {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/kafka.md does not explain %s", name)
		}
	}
}
