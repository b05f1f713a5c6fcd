namespace Serving.Models;

/// <summary>A model folder that cannot be used. The message names the file, the field and what to do next.</summary>
public class ModelException : Exception
{
    public ModelException(string message)
        : base(message)
    {
    }

    public ModelException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>A safetensors file that breaks the format: header, bounds, overlap or dtype.</summary>
public sealed class SafetensorsException(string message) : ModelException(message);

/// <summary>An index of shards that names a file outside its folder, or does not fit the shards that lie there.</summary>
public sealed class CheckpointException(string message) : ModelException(message);

/// <summary>A file whose sha256 is not the one that the manifest states, or a manifest that does not cover the folder.</summary>
public sealed class ManifestException(string message) : ModelException(message);

/// <summary>A config.json with a missing, unsupported or contradictory field.</summary>
public sealed class ModelConfigException(string message) : ModelException(message);

/// <summary>A tensor that the config calls for is missing or has another shape.</summary>
public sealed class ModelWeightsException(string message) : ModelException(message);
