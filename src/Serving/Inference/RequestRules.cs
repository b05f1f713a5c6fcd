namespace Serving.Inference;

/// <summary>What a request must satisfy before it is queued. Parameters are named as they are over HTTP.</summary>
internal static class RequestRules
{
    public static void Check(SampleRequest request, IDecoder decoder)
    {
        CheckTokens(request.Prompt, decoder, "messages", "prompt");
        if (request.Prompt.Length + 1 > decoder.ContextLength)
        {
            throw new InvalidRequestException(
                $"The prompt has {request.Prompt.Length} tokens, but the model's context of {decoder.ContextLength} tokens must also hold the answer: "
                + "shorten it.",
                "messages");
        }

        var sampling = request.Sampling;
        Demand(request.Candidates >= 1, $"n is {request.Candidates}; it must be at least 1.", "n");
        Demand(request.FirstCandidate >= 0, $"The first candidate is {request.FirstCandidate}; it must be 0 or more.", "n");
        Demand(sampling.MaxTokens >= 1, $"max_tokens is {sampling.MaxTokens}; it must be at least 1.", "max_tokens");
        Demand(
            float.IsFinite(sampling.Temperature) && sampling.Temperature >= 0, $"temperature is {sampling.Temperature}; it must be 0 or more.", "temperature");
        Demand(sampling.TopK >= 0, $"top_k is {sampling.TopK}; it must be 0 (all) or more.", "top_k");
        Demand(sampling.TopP is > 0 and <= 1, $"top_p is {sampling.TopP}; it must be above 0 and at most 1.", "top_p");
        Demand(sampling.MinP is >= 0 and <= 1, $"min_p is {sampling.MinP}; it must be from 0 to 1.", "min_p");
        Demand(
            float.IsFinite(sampling.RepetitionPenalty) && sampling.RepetitionPenalty > 0,
            $"repetition_penalty is {sampling.RepetitionPenalty}; it must be above 0.",
            "repetition_penalty");
        Demand(float.IsFinite(sampling.PresencePenalty), $"presence_penalty is {sampling.PresencePenalty}; it must be a number.", "presence_penalty");
        Demand(float.IsFinite(sampling.FrequencyPenalty), $"frequency_penalty is {sampling.FrequencyPenalty}; it must be a number.", "frequency_penalty");
        Demand(
            sampling.LogitBias.All(bias => bias.Key >= 0 && bias.Key < decoder.VocabularySize && bias.Value < float.PositiveInfinity),
            $"logit_bias must give numbers to token ids from 0 to {decoder.VocabularySize - 1}.",
            "logit_bias");
        Demand(sampling.TopLogProbs is >= 0 and <= 20, $"top_logprobs is {sampling.TopLogProbs}; it must be from 0 to 20.", "top_logprobs");
        Demand(request.Deadline is null || request.Deadline > TimeSpan.Zero, $"The deadline is {request.Deadline}; it must be above 0.", "deadline");
        Demand(sampling.Stop.All(stop => !string.IsNullOrEmpty(stop)), "A stop string is empty.", "stop");
    }

    public static void CheckContinuation(int[] prompt, int[] continuation, IDecoder decoder)
    {
        CheckTokens(prompt, decoder, "messages", "prompt");
        CheckTokens(continuation, decoder, "messages", "continuation");
        Demand(
            prompt.Length + continuation.Length <= decoder.ContextLength,
            $"Prompt and continuation have {prompt.Length} and {continuation.Length} tokens, but the model's context is {decoder.ContextLength}: shorten them.",
            "messages");
    }

    private static void CheckTokens(int[] tokens, IDecoder decoder, string parameter, string what)
    {
        Demand(tokens.Length > 0, $"The {what} is empty.", parameter);
        var unknown = Array.FindIndex(tokens, token => token < 0 || token >= decoder.VocabularySize);
        if (unknown >= 0)
        {
            throw new InvalidRequestException(
                $"Token {unknown} of the {what} is {tokens[unknown]}, but the vocabulary holds 0 to {decoder.VocabularySize - 1}.", parameter);
        }
    }

    private static void Demand(bool holds, string otherwise, string parameter)
    {
        if (!holds)
        {
            throw new InvalidRequestException(otherwise, parameter);
        }
    }
}
