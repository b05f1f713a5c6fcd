namespace Serving.Models;

/// <summary>Names of the files in a model version's folder.</summary>
public static class ModelFiles
{
    public const string Config = "config.json";
    public const string Tokenizer = "tokenizer.json";
    public const string TokenizerConfig = "tokenizer_config.json";
    public const string ChatTemplate = "chat_template.jinja";
    public const string GenerationConfig = "generation_config.json";
    public const string Weights = "model.safetensors";
    public const string WeightsIndex = "model.safetensors.index.json";
    public const string Graph = "model.onnx";
    public const string Manifest = "manifest.json";
}
