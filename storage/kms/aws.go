package kms

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/heliosdb/heliosdb-streaming/internal/config"
)

// DefaultAWSKey is the key when [kms] aws_key_id is not set.
const DefaultAWSKey = "alias/heliosdb-streaming"

// openAWS uses a symmetric key of AWS KMS. Credentials come from the environment, as Amazon's own programs read them.
func openAWS(ctx context.Context, c config.KMS) (KMS, error) {
	key, region := c.AWSKeyID, c.AWSRegion
	if key == "" {
		key = DefaultAWSKey
	}
	if a, err := arn.Parse(key); err == nil {
		if region != "" && region != a.Region {
			return nil, fmt.Errorf("[kms] aws_region = %q, but the key of aws_key_id is in %s", region, a.Region)
		}
		region = a.Region
	}
	load := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }), // call does it
	}
	if region != "" {
		load = append(load, awsconfig.WithRegion(region))
	}
	if c.AWSEndpoint != "" {
		if _, err := checkEndpoint("aws_endpoint", c.AWSEndpoint); err != nil {
			return nil, err
		}
	}
	ac, err := awsconfig.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("configuration for AWS: %s", oneLine(err.Error()))
	}
	if ac.Region == "" {
		return nil, errors.New("[kms] aws_region is needed (or AWS_REGION in the environment)")
	}
	client := kms.NewFromConfig(ac, func(o *kms.Options) {
		if c.AWSEndpoint != "" {
			o.BaseEndpoint = aws.String(c.AWSEndpoint)
		}
	})
	bound := map[string]string{"application": application}
	return &remote{
		provider: "AWS KMS in " + ac.Region, key: key, id: "aws:" + key,
		permissions: "kms:Encrypt and kms:Decrypt", pause: firstPause, classify: classifyAWS,
		wrap: func(ctx context.Context, plain []byte) ([]byte, error) {
			out, err := client.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: plain, EncryptionContext: bound})
			if err != nil {
				return nil, err
			}
			return out.CiphertextBlob, nil
		},
		// The key is named, or a keyring that somebody wrapped under a key of his own would be taken.
		unwrap: func(ctx context.Context, wrapped []byte) ([]byte, error) {
			out, err := client.Decrypt(ctx, &kms.DecryptInput{KeyId: &key, CiphertextBlob: wrapped, EncryptionContext: bound})
			if err != nil {
				return nil, err
			}
			return out.Plaintext, nil
		},
	}, nil
}

func classifyAWS(err error) (class, string) {
	var api smithy.APIError
	if !errors.As(err, &api) {
		var signing interface{ Unwrap() error }
		if strings.Contains(err.Error(), "credentials") && errors.As(err, &signing) {
			return denied, "no credentials: " + err.Error()
		}
		return unavailable, err.Error()
	}
	text := api.ErrorCode() + ": " + api.ErrorMessage()
	switch api.ErrorCode() {
	case "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException",
		"MissingAuthenticationTokenException", "IncompleteSignature", "OptInRequired":
		return denied, text
	case "NotFoundException":
		return notFound, text
	case "DisabledException", "KMSInvalidStateException", "InvalidKeyUsageException":
		return unusable, text
	case "InvalidCiphertextException", "IncorrectKeyException":
		return wrongKey, text
	case "ThrottlingException", "LimitExceededException", "RequestLimitExceeded", "TooManyRequestsException":
		return throttled, text
	case "KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException", "ServiceUnavailable", "InternalFailure":
		return unavailable, text
	}
	var resp *smithyhttp.ResponseError
	if errors.As(err, &resp) && resp.HTTPStatusCode() >= 500 {
		return unavailable, text
	}
	return other, text
}
