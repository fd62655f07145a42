// Package deploy checks the manifests of deploy/: Kubernetes objects against the
// Kubernetes types, the compose file against its schema, the unit with systemd's
// own verifier, and the image's files by running them.
package deploy

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const (
	repository = "../.."
	kubernetes = repository + "/deploy/kubernetes"
	image      = "heliosdb/heliosdb-streaming:v4.0.0"
)

// objects decodes a stream of manifests strictly: an unknown or misplaced field
// is an error.
func objects(t *testing.T, name string, manifests []byte) []runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	dec := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	docs := utilyaml.NewYAMLReader(newReader(manifests))
	var out []runtime.Object
	for {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(bytes.TrimSpace(doc)) == 0 {
			continue
		}
		o, _, err := dec.Decode(doc, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, doc)
		}
		out = append(out, o)
	}
}

func build(t *testing.T, dir string) []runtime.Object {
	t.Helper()
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	y, err := m.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return objects(t, dir, y)
}

// find returns the one object of a type, or of a type and a name.
func find[T any](t *testing.T, objs []runtime.Object, named func(T) bool) T {
	t.Helper()
	var found []T
	for _, o := range objs {
		if x, ok := o.(T); ok && (named == nil || named(x)) {
			found = append(found, x)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d objects of type %T, want one", len(found), *new(T))
	}
	return found[0]
}

func folders(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(kubernetes + "/overlays/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal(err, "no overlays")
	}
	return append(dirs, kubernetes+"/base")
}

func TestKubernetes(t *testing.T) {
	for _, dir := range folders(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			objs := build(t, dir)
			set := find[*appsv1.StatefulSet](t, objs, nil)
			checkPod(t, set)
			checkServices(t, objs, set)
			checkConfig(t, objs)
		})
	}
}

func checkPod(t *testing.T, set *appsv1.StatefulSet) {
	pod := set.Spec.Template
	for k, v := range set.Spec.Selector.MatchLabels {
		if pod.Labels[k] != v {
			t.Errorf("the selector wants %s=%s, the pod has %q", k, v, pod.Labels[k])
		}
	}
	c := pod.Spec.Containers[0]
	if c.Image != image {
		t.Errorf("image %s, want %s", c.Image, image)
	}
	var ports []string
	for _, p := range c.Ports {
		ports = append(ports, p.Name)
	}
	for _, want := range []string{"http", "health", "metrics", "pgwire"} {
		if !slices.Contains(ports, want) {
			t.Errorf("the pod has no port %s", want)
		}
	}
	for name, p := range map[string]*corev1.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
		if p == nil || p.HTTPGet == nil || !slices.Contains(ports, p.HTTPGet.Port.StrVal) {
			t.Errorf("%s probe %+v", name, p)
		}
	}
	s, ps := c.SecurityContext, pod.Spec.SecurityContext
	if s == nil || ps == nil || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !*ps.RunAsNonRoot ||
		!slices.Contains(s.Capabilities.Drop, "ALL") || ps.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod does not meet the restricted standard: %+v %+v", s, ps)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = true
	}
	for _, v := range set.Spec.VolumeClaimTemplates {
		volumes[v.Name] = true
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("volume %s is mounted, but not there", m.Name)
		}
	}
}

func checkServices(t *testing.T, objs []runtime.Object, set *appsv1.StatefulSet) {
	headless := find(t, objs, func(s *corev1.Service) bool { return s.Name == set.Spec.ServiceName })
	if headless.Spec.ClusterIP != corev1.ClusterIPNone {
		t.Errorf("%s has the address %q", headless.Name, headless.Spec.ClusterIP)
	}
	services := 0
	for _, o := range objs {
		s, ok := o.(*corev1.Service)
		if !ok {
			continue
		}
		services++
		found := false
		for _, p := range s.Spec.Ports {
			named := slices.ContainsFunc(set.Spec.Template.Spec.Containers[0].Ports, func(c corev1.ContainerPort) bool {
				return c.Name == p.TargetPort.StrVal
			})
			if !named {
				t.Errorf("service %s: no port %q in the pod", s.Name, p.TargetPort.String())
			}
			found = found || p.Name == "pgwire"
		}
		if !found {
			t.Errorf("service %s does not expose pgwire", s.Name)
		}
	}
	if services != 2 {
		t.Errorf("%d services", services)
	}
}

// checkConfig has the program itself read the configuration in the ConfigMap.
func checkConfig(t *testing.T, objs []runtime.Object) {
	cm := find(t, objs, func(c *corev1.ConfigMap) bool { return c.Name == "heliosdb-config" })
	checkConfigText(t, cm.Data["streaming.toml"])
}

// The overlays that add objects.
func TestOverlays(t *testing.T) {
	three := build(t, kubernetes+"/overlays/three-replicas")
	hpa := find[*autoscalingv2.HorizontalPodAutoscaler](t, three, nil)
	set := find[*appsv1.StatefulSet](t, three, nil)
	if ref := hpa.Spec.ScaleTargetRef; ref.Name != set.Name || ref.Kind != "StatefulSet" || *set.Spec.Replicas != *hpa.Spec.MinReplicas {
		t.Errorf("the HPA scales %+v, the set has %d replicas", ref, *set.Spec.Replicas)
	}
	metric := hpa.Spec.Metrics[2].Pods.Metric.Name
	adapter, err := os.ReadFile(kubernetes + "/overlays/three-replicas/prometheus-adapter-values.yaml")
	if err != nil || metric != "events_per_second" || !strings.Contains(string(adapter), metric+"{") {
		t.Errorf("the adapter does not serve %q (%v)", metric, err)
	}
	pdb := find[*policyv1.PodDisruptionBudget](t, three, nil)
	if pdb.Spec.MinAvailable.IntValue() != 2 {
		t.Errorf("minAvailable %v", pdb.Spec.MinAvailable)
	}
	in := find[*networkingv1.Ingress](t, build(t, kubernetes+"/overlays/ingress"), nil)
	if len(in.Spec.TLS) != 1 || in.Spec.Rules[0].HTTP.Paths[0].Path != "/api" {
		t.Errorf("ingress %+v", in.Spec)
	}
	if set := find[*appsv1.StatefulSet](t, build(t, kubernetes+"/base"), nil); *set.Spec.Replicas != 1 {
		t.Errorf("the base has %d replicas", *set.Spec.Replicas)
	}
	policy := find[*networkingv1.NetworkPolicy](t, three, nil)
	if len(policy.Spec.PolicyTypes) != 2 {
		t.Errorf("network policy of types %v", policy.Spec.PolicyTypes)
	}
}

// The example of the Secret is a Secret, and as it stands it starts nothing.
func TestSecretExample(t *testing.T) {
	raw, err := os.ReadFile(kubernetes + "/base/secrets.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := find[*corev1.Secret](t, objects(t, "secrets", raw), nil)
	out, err := checkConfigEnv(t, "", "JWT_SECRET="+s.StringData["JWT_SECRET"])
	if err == nil || !strings.Contains(out, "jwt_secret") {
		t.Errorf("the placeholder is taken: %v %s", err, out)
	}
}
