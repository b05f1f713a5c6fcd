using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Policy;

/// <summary>Where a training run's tensors live.</summary>
public enum TrainingDevice
{
    /// <summary>The processor: a run is a function of its seed, bit for bit, resumed or not.</summary>
    Cpu,

    /// <summary>The first NVIDIA GPU, with products in TF32; sums are in no fixed order there, so two runs of one seed differ in the last digits.</summary>
    Cuda,
}

/// <summary>Puts a process's training on its device.</summary>
public static class TrainingDevices
{
    /// <summary>From now on every new tensor of this process lives on <paramref name="device"/>. Call it before the first module.</summary>
    /// <exception cref="InvalidOperationException">There is no such device, or this build does not bring CUDA.</exception>
    public static void Use(this TrainingDevice device)
    {
        if (device == TrainingDevice.Cpu)
        {
            set_default_device(CPU);
            return;
        }

        if (!TryInitializeDeviceType(DeviceType.CUDA) || !cuda.is_available())
        {
            throw new InvalidOperationException(
                "--device cuda needs an NVIDIA GPU and a build that brings CUDA (dotnet build -p:Accelerator=cuda): train with --device cpu, or build so.");
        }

        set_default_device(CUDA);
        backends.cuda.matmul.allow_tf32 = true;
    }
}
