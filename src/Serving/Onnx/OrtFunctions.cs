using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Serving.Onnx;

/// <summary>
/// The functions of ONNX Runtime's C interface that operators need and its C# package does not wrap. Looked up by name in the package's own table
/// (<see cref="OrtApi"/>), so that nothing here counts on positions.
/// </summary>
internal static unsafe class OrtFunctions
{
    private const uint ApiVersion = 23;      // the newest whose functions are used; every later library still offers it

    private static readonly OrtApi _api = Load();

    public static readonly delegate* unmanaged<int, byte*, nint> CreateStatus = (delegate* unmanaged<int, byte*, nint>)_api.CreateStatus;

    public static readonly delegate* unmanaged<nint, void> ReleaseStatus = (delegate* unmanaged<nint, void>)_api.ReleaseStatus;

    public static readonly delegate* unmanaged<nint, byte*> GetErrorMessage = (delegate* unmanaged<nint, byte*>)_api.GetErrorMessage;

    public static readonly delegate* unmanaged<byte*, nint*, nint> CreateDomain = (delegate* unmanaged<byte*, nint*, nint>)_api.CreateCustomOpDomain;

    public static readonly delegate* unmanaged<nint, void> ReleaseDomain = (delegate* unmanaged<nint, void>)_api.ReleaseCustomOpDomain;

    public static readonly delegate* unmanaged<nint, void*, nint> AddOperator = (delegate* unmanaged<nint, void*, nint>)_api.CustomOpDomain_Add;

    public static readonly delegate* unmanaged<nint, nint, nint> AddDomain = (delegate* unmanaged<nint, nint, nint>)_api.AddCustomOpDomain;

    public static readonly delegate* unmanaged<nint, byte*, long*, nint> GetAttribute = (delegate* unmanaged<nint, byte*, long*, nint>)_api.KernelInfoGetAttribute_int64;

    public static readonly delegate* unmanaged<nint, nuint, nint*, nint> GetInput = (delegate* unmanaged<nint, nuint, nint*, nint>)_api.KernelContext_GetInput;

    public static readonly delegate* unmanaged<nint, nuint, long*, nuint, nint*, nint> GetOutput =
        (delegate* unmanaged<nint, nuint, long*, nuint, nint*, nint>)_api.KernelContext_GetOutput;

    public static readonly delegate* unmanaged<nint, void**, nint> GetData = (delegate* unmanaged<nint, void**, nint>)_api.GetTensorMutableData;

    public static readonly delegate* unmanaged<nint, delegate* unmanaged<void*, nuint, void>, nuint, nuint, void*, nint> ParallelFor =
        (delegate* unmanaged<nint, delegate* unmanaged<void*, nuint, void>, nuint, nuint, void*, nint>)_api.KernelContext_ParallelFor;

    /// <summary>Throws what a status says; none = success.</summary>
    public static void Check(nint status)
    {
        if (status != 0)
        {
            var message = Marshal.PtrToStringUTF8((nint)GetErrorMessage(status));
            ReleaseStatus(status);
            throw new InvalidOperationException($"ONNX Runtime: {message}");
        }
    }

    private static OrtApi Load()
    {
        var api = ((delegate* unmanaged<uint, nint>)Marshal.PtrToStructure<OrtApiBase>(OrtGetApiBase()).GetApi)(ApiVersion);
        return api != 0
            ? Marshal.PtrToStructure<OrtApi>(api)
            : throw new InvalidOperationException($"The ONNX Runtime library is too old: it does not offer version {ApiVersion} of its interface.");
    }

    [DllImport("onnxruntime")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    private static extern nint OrtGetApiBase();
}
