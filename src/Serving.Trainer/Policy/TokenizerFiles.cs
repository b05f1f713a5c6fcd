using Serving.Models;

namespace Serving.Trainer.Policy;

/// <summary>The files of a version that training does not change.</summary>
internal static class TokenizerFiles
{
    private static readonly string[] _names = [ModelFiles.Tokenizer, ModelFiles.TokenizerConfig, ModelFiles.ChatTemplate, ModelFiles.GenerationConfig];

    /// <summary>Copies those that <paramref name="from"/> has.</summary>
    public static void Copy(string from, string to)
    {
        foreach (var name in _names.Where(name => File.Exists(Path.Combine(from, name))))
        {
            File.Copy(Path.Combine(from, name), Path.Combine(to, name), overwrite: true);
        }
    }
}
