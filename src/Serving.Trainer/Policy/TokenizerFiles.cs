using Serving.Models;

namespace Serving.Trainer.Policy;

/// <summary>The files of a version that training does not change.</summary>
internal static class TokenizerFiles
{
    private static readonly string[] _names = [ModelFiles.Tokenizer, ModelFiles.TokenizerConfig, ModelFiles.ChatTemplate, ModelFiles.GenerationConfig];

    /// <summary>Two policies can be held against each other token by token only if their ids mean the same.</summary>
    /// <param name="start">Is trained.</param>
    /// <param name="other">Its teacher or reference.</param>
    /// <param name="option">Names the other.</param>
    /// <exception cref="ArgumentException">They have different tokenizers.</exception>
    public static void RequireSame(ModelFolder start, ModelFolder other, string option)
    {
        if (start.Manifest.Files.GetValueOrDefault(ModelFiles.Tokenizer) != other.Manifest.Files.GetValueOrDefault(ModelFiles.Tokenizer))
        {
            throw new ArgumentException($"{option} {other.Id} has another {ModelFiles.Tokenizer} than {start.Id}: its token ids mean other things. Name a policy with the same one.", option);
        }
    }

    /// <summary>Copies those that <paramref name="from"/> has.</summary>
    public static void Copy(string from, string to)
    {
        foreach (var name in _names.Where(name => File.Exists(Path.Combine(from, name))))
        {
            File.Copy(Path.Combine(from, name), Path.Combine(to, name), overwrite: true);
        }
    }
}
