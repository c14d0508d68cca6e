// The main job in Go, by what openapi-generator makes of the bundle: submit, ask until the task has
// ended, download; a task that fails; an input that is refused.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"job/wavespeed"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func check(holds bool, what ...any) {
	if !holds {
		log.Fatal(what...)
	}
}

func at(host string) *wavespeed.APIClient {
	configuration := wavespeed.NewConfiguration()
	configuration.Servers = wavespeed.ServerConfigurations{{URL: os.Getenv(host) + "/api/v3"}}
	return wavespeed.NewAPIClient(configuration)
}

func isEnded(status string) bool {
	switch status {
	case "completed", "failed", "cancelled", "timeout", "deleted":
		return true
	}
	return false
}

func upload(ctx context.Context, clip []byte) string {
	request := wavespeed.NewUploadRequest("clip.mp4", int64(len(clip)))
	request.SetContentType("video/mp4")
	answer, _, err := at("URL").MediaAPI.CreateUpload(ctx).UploadRequest(*request).Execute()
	ticket := must(answer, err).GetData()
	put := must(http.NewRequest("PUT", ticket.Upload.Url, bytes.NewReader(clip)))
	for name, value := range ticket.Upload.Headers {
		put.Header.Set(name, value)
	}
	sent := must(http.DefaultClient.Do(put))
	check(sent.StatusCode < 300, sent.Status)
	return ticket.DownloadUrl
}

func run(ctx context.Context, host string, input wavespeed.KwaivgiKlingLipsyncTextToVideo) wavespeed.Prediction {
	client := at(host)
	submit := client.KwaivgiAPI.SubmitKwaivgiKlingLipsyncTextToVideo(ctx)
	answer, _, err := submit.KwaivgiKlingLipsyncTextToVideo(input).Execute()
	prediction := must(answer, err).GetData()
	for !isEnded(prediction.Status) {
		time.Sleep(20 * time.Millisecond)
		answer, _, err := client.PredictionsAPI.GetPredictionResult(ctx, prediction.Id).Execute()
		prediction = must(answer, err).GetData()
	}
	return prediction
}

func main() {
	ctx := context.WithValue(context.Background(), wavespeed.ContextAccessToken, os.Getenv("KEY"))
	clip := must(os.ReadFile(os.Args[1]))
	input := *wavespeed.NewKwaivgiKlingLipsyncTextToVideo(upload(ctx, clip), "Hello", "genshin_klee2")

	done := run(ctx, "URL", input)
	check(len(done.Outputs) == 1, done)
	output := must(http.Get(fmt.Sprint(done.Outputs[0])))
	check(bytes.Equal(must(io.ReadAll(output.Body)), clip), "the output is another file")

	failed := run(ctx, "FAILING_URL", input)
	check(failed.Status == "failed" && failed.GetError() == "no face was found", failed)

	input.VoiceId = "nobody"
	submit := at("URL").KwaivgiAPI.SubmitKwaivgiKlingLipsyncTextToVideo(ctx)
	_, answer, err := submit.KwaivgiKlingLipsyncTextToVideo(input).Execute()
	refusal, isRefusal := err.(*wavespeed.GenericOpenAPIError)
	check(isRefusal && answer.StatusCode == 400, err)
	check(strings.Contains(string(refusal.Body()), "voice_id"), string(refusal.Body()))

	var file struct {
		Vectors []struct {
			Name       string
			HTTP       int
			Body       json.RawMessage
			Prediction *struct {
				ID, Status, Error string
				Ended             bool
				Outputs           []any
			}
		}
	}
	check(json.Unmarshal(must(os.ReadFile(os.Args[2]+"/answers.json")), &file) == nil, "answers.json")
	for _, vector := range file.Vectors {
		if vector.Prediction == nil {
			continue
		}
		var answer wavespeed.PredictionAnswer
		err := json.Unmarshal(vector.Body, &answer)
		check(err == nil, vector.Name, ": ", err)
		read, told := answer.GetData(), vector.Prediction
		check(read.Id == told.ID && read.Status == told.Status && read.GetError() == told.Error &&
			isEnded(read.Status) == told.Ended && fmt.Sprint(read.Outputs) == fmt.Sprint(told.Outputs), vector.Name)
	}
}
