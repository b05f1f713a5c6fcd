namespace Serving.Onnx;

/// <summary>ONNX Runtime's execution providers that sessions can be made with.</summary>
public enum ExecutionProvider
{
    /// <summary>The processor.</summary>
    Cpu,

    /// <summary>
    /// An NVIDIA GPU through CUDA and cuDNN, products in fp32 (no TF32). Needs a build with -p:Accelerator=cuda. A result may differ in its last digits with the pairs that
    /// are computed beside it.
    /// </summary>
    Cuda,
}
