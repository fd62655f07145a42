// Package testobject gives tests real object stores: versitygw for S3,
// fake-gcs-server for Google Cloud Storage and Azurite for Azure Blob Storage,
// each started once for a test binary by testdata/objectstores/objectstores.sh
// and ended with it, however it ends. Where they have not been fetched tests are
// skipped with the reason, or fail when REQUIRE_ALL=1 is in the environment, as
// it is in CI.
package testobject

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Kinds of stores, named as [state] backend names them.
const (
	S3    = "s3"
	GCS   = "gcs"
	Azure = "azure"
)

// Kinds are all of them.
var Kinds = []string{S3, GCS, Azure}

// envRequireAll is as in package testkafka: "1" makes what is missing fail instead of skip.
const envRequireAll = "REQUIRE_ALL"

const startTimeout = 60 * time.Second

// Store is a new, empty bucket in a running server.
type Store struct {
	Kind     string
	URL      string // as [state] path: "s3://bucket", "gs://bucket", "azblob://container"
	Endpoint string // as [state] endpoint: "http://127.0.0.1:port"
	Region   string // as [state] region, for S3
	Bucket   string
}

var schemes = map[string]string{S3: "s3", GCS: "gs", Azure: "azblob"}

var bucketNumber atomic.Int64

// New makes a bucket that no other test has, in a server that all tests of the
// test binary share. Credentials are put into the environment of the process
// (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AZURE_STORAGE_ACCOUNT,
// AZURE_STORAGE_KEY), where the SDKs and started programs find them. S3 needs
// the path style.
func New(t testing.TB, kind string) Store {
	t.Helper()
	s, err := shared[kind]()
	if err != nil {
		missing(t, kind+": "+err.Error())
	}
	b, err := s.NewBucket(t.Context())
	if err != nil {
		t.Fatalf("a bucket in %s: %v", kind, err)
	}
	return b
}

// missing skips the test with a reason of one line, or fails it when everything
// is required.
func missing(t testing.TB, reason string) {
	t.Helper()
	reason = strings.Join(strings.Fields(reason), " ")
	if os.Getenv(envRequireAll) == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

var shared = map[string]func() (*Server, error){
	S3:    sync.OnceValues(func() (*Server, error) { return Serve(S3, "") }),
	GCS:   sync.OnceValues(func() (*Server, error) { return Serve(GCS, "") }),
	Azure: sync.OnceValues(func() (*Server, error) { return Serve(Azure, "") }),
}

// Server is a running store.
type Server struct {
	Kind     string
	Endpoint string

	stdin io.Closer
	done  chan struct{} // closed when the script has ended
	log   *bytes.Buffer // to be read after done
}

// secrets are of this process; each store of a process has the same.
var secrets = sync.OnceValue(func() (s struct{ access, secret, account, key string }) {
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	s.access, s.secret = "testaccess", fmt.Sprintf("%x", random[:20])
	s.account, s.key = "testaccount", base64.StdEncoding.EncodeToString(random)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": s.access, "AWS_SECRET_ACCESS_KEY": s.secret,
		"AZURE_STORAGE_ACCOUNT": s.account, "AZURE_STORAGE_KEY": s.key,
		"AWS_EC2_METADATA_DISABLED": "true",
	} {
		_ = os.Setenv(name, value)
	}
	return s
})

// Serve starts a store with its data in dir, "" for a temporary directory; dir
// is removed at the end, which comes with Close or with this process.
func Serve(kind, dir string) (*Server, error) {
	script, err := findScript()
	if err != nil {
		return nil, err
	}
	stamp := "stamp-go"
	if kind == Azure {
		stamp = "stamp-npm"
		if _, err := exec.LookPath("node"); err != nil {
			return nil, errors.New("there is no node")
		}
	}
	if _, err := os.Stat(filepath.Join(cacheDir(script), stamp)); err != nil {
		return nil, errors.New("not fetched yet, run 'make object-stores' once")
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "heliosdb-"+kind+"-"); err != nil {
			return nil, err
		}
	}
	// Between finding a free port and listening on it another process may take it.
	for attempt := 1; ; attempt++ {
		s, err := start(kind, script, dir)
		if err == nil || attempt == 3 {
			return s, err
		}
	}
}

func start(kind, script, dir string) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		return nil, err
	}
	sec := secrets()
	cmd := exec.Command(script, "serve", kind, dir, port)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+sec.access, "ROOT_SECRET_KEY="+sec.secret,
		"AZURITE_ACCOUNTS="+sec.account+":"+sec.key)
	s := &Server{Kind: kind, Endpoint: "http://127.0.0.1:" + port, done: make(chan struct{}), log: new(bytes.Buffer)}
	cmd.Stderr = s.log
	if s.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // its log tells more than its code
		close(s.done)
	}()
	return s, s.ready()
}

// ready waits for any HTTP answer.
func (s *Server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			return resp.Body.Close()
		}
		select {
		case <-again.C:
		case <-s.done:
			_ = s.stdin.Close()
			return fmt.Errorf("it ended: %s", s.log)
		case <-ctx.Done():
			s.Close()
			return fmt.Errorf("no answer within %v: %s", startTimeout, s.log)
		}
	}
}

// Close ends the server and removes its data.
func (s *Server) Close() {
	_ = s.stdin.Close()
	<-s.done
}

// NewBucket makes a bucket.
func (s *Server) NewBucket(ctx context.Context) (Store, error) {
	b := Store{Kind: s.Kind, Endpoint: s.Endpoint, Region: "us-east-1",
		Bucket: fmt.Sprintf("test-%d-%d", os.Getpid(), bucketNumber.Add(1))}
	b.URL = schemes[s.Kind] + "://" + b.Bucket
	sec := secrets()
	switch s.Kind {
	case S3:
		client := s3.New(s3.Options{BaseEndpoint: &b.Endpoint, UsePathStyle: true, Region: b.Region,
			Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(sec.access, sec.secret, ""))})
		_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &b.Bucket})
		return b, err
	case GCS:
		body := strings.NewReader(`{"name":"` + b.Bucket + `"}`)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoint+"/storage/v1/b?project=test", body)
		if err != nil {
			return b, err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return b, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return b, fmt.Errorf("create bucket: %s", resp.Status)
		}
		return b, nil
	}
	cred, err := azblob.NewSharedKeyCredential(sec.account, sec.key)
	if err != nil {
		return b, err
	}
	client, err := azblob.NewClientWithSharedKeyCredential(s.Endpoint+"/"+sec.account, cred, nil)
	if err != nil {
		return b, err
	}
	_, err = client.CreateContainer(ctx, b.Bucket, nil)
	return b, err
}

// findScript looks for testdata/objectstores/objectstores.sh from the working
// directory upwards.
func findScript() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		script := filepath.Join(dir, "testdata", "objectstores", "objectstores.sh")
		if _, err := os.Stat(script); err == nil {
			return script, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("testdata/objectstores/objectstores.sh is not in a folder above")
		}
		dir = parent
	}
}

// cacheDir is where the script keeps what it fetched.
func cacheDir(script string) string {
	if dir := os.Getenv("HELIOSDB_TEST_OBJECTSTORES_CACHE"); dir != "" {
		return dir
	}
	return filepath.Join(filepath.Dir(script), "..", "..", ".cache", "objectstores")
}
