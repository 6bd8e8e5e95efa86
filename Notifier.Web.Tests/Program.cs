using Microsoft.Extensions.Hosting;

namespace Notifier.Tests;

/// <summary>The program of this assembly beside the tests: <c>dotnet run --project Notifier.Web.Tests -- echo --urls …</c></summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        if (args is not ["echo", .. var options])
        {
            await Console.Error.WriteLineAsync(
                "To run the tests: ./test.sh\nTo serve WebSockets that send back what they get: "
                + "dotnet run --project Notifier.Web.Tests -- echo --urls http://127.0.0.1:9001");
            return 1;
        }
        await using var echo = Faults.EchoHost.Build(options);
        await echo.StartAsync();
        Console.WriteLine($"Sends back what it gets: {string.Join(' ', echo.Urls)}");
        await echo.WaitForShutdownAsync();
        return 0;
    }
}
