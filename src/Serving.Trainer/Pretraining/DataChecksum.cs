using System.Security.Cryptography;

namespace Serving.Trainer.Pretraining;

/// <summary>Names a data file by its content, for manifests and model cards.</summary>
internal static class DataChecksum
{
    public static string Of(string path)
    {
        using var file = File.OpenRead(path);
        return "sha256:" + Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
