namespace Serving.Inference;

/// <summary>A request that the loaded policy cannot serve (too long, unknown token id); the message says what to change.</summary>
public sealed class InvalidRequestException(string message, string parameter) : Exception(message)
{
    /// <summary>Request field at fault, by its HTTP name.</summary>
    public string Parameter { get; } = parameter;
}

/// <summary>The admission queue is full.</summary>
public sealed class OverloadedException(TimeSpan retryAfter) : Exception("The server is at its admission limit; retry later.")
{
    public TimeSpan RetryAfter { get; } = retryAfter;
}

/// <summary>A request took longer than its deadline; what it held is free again.</summary>
public sealed class DeadlineExceededException(TimeSpan deadline)
    : Exception($"The request was not finished within its deadline of {deadline.TotalSeconds:0.###} s: ask for fewer or shorter candidates, or allow more time.")
{
    public TimeSpan Deadline { get; } = deadline;
}

/// <summary>The policy failed while it ran a request: non-finite logits, an error of the runtime, or the policy was unloaded.</summary>
public sealed class InferenceFailedException : Exception
{
    public InferenceFailedException(string message)
        : base(message)
    {
    }

    public InferenceFailedException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
