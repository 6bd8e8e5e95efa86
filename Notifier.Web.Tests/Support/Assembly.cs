using System.Runtime.CompilerServices;
using Xunit;

[assembly: TestFramework("Notifier.Tests.Support.LongestFirst", "Notifier.Web.Tests")]

namespace Notifier.Tests.Support;

/// <summary>
/// Many servers and clients share one thread pool here. It starts with one thread for each core and adds one or two a second, so tests
/// that block threads would delay the others until their timeouts pass. A blocked thread needs no processor.
/// </summary>
internal static class Threads
{
    private const int AtOnce = 32;

    // CA2255: a module initializer in a library would surprise its users, but only the test runner loads this assembly.
#pragma warning disable CA2255
    [ModuleInitializer]
    internal static void Prepare() => ThreadPool.SetMinThreads(AtOnce, AtOnce);
#pragma warning restore CA2255
}
