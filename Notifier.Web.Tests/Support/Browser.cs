using Microsoft.Playwright;
using Xunit;

namespace Notifier.Tests.Support;

/// <summary>
/// One real Chromium, without a window, for the tests that look at pages. Each page has a profile of its own. Classes share the browser, and some run at the
/// same time: more would take the processors that the pages need.
/// </summary>
public sealed class BrowserFixture : IAsyncLifetime
{
    private const int AtOnce = 2;

    /// <summary>This machine, under a name that a browser does not trust over http.</summary>
    internal const string InsecureHost = "shop.test";

    /// <summary>As test-setup.sh looks for them.</summary>
    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    /// <summary>Root has no sandbox; and it is to keep from the network and from updating itself.</summary>
    private static readonly string[] Arguments =
    [
        "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        // A host that is no localhost: over http its pages have no locks, and no other secure things.
        $"--host-resolver-rules=MAP {InsecureHost} 127.0.0.1",
    ];

    private static readonly SemaphoreSlim Places = new(AtOnce);

    /// <summary>Ends with this process, which its driver notices.</summary>
    private static readonly Lazy<Task<IBrowser>> Shared = new(LaunchAsync);

    private IBrowser? browser;

    public async Task InitializeAsync()
    {
        await Places.WaitAsync();
        browser = await Shared.Value;
    }

    internal Task<IPage> NewPageAsync(BrowserNewPageOptions? options = null) => browser!.NewPageAsync(options);

    /// <summary>For pages that are tabs of one browser.</summary>
    internal Task<IBrowserContext> NewContextAsync() => browser!.NewContextAsync();

    public Task DisposeAsync()
    {
        Places.Release();
        return Task.CompletedTask;
    }

    private static async Task<IBrowser> LaunchAsync()
    {
        var executable = Find() ?? throw new InvalidOperationException(
            $"These tests need a Chromium, and none of {string.Join(", ", Names)} is on the PATH. "
            + "On Debian and Ubuntu ./test.sh installs it.");
        Assertions.SetDefaultExpectTimeout((float)Eventually.Limit.TotalMilliseconds);
        var playwright = await Playwright.CreateAsync();
        // With a path given Playwright downloads nothing; its driver lies in the test's own output.
        return await playwright.Chromium.LaunchAsync(new() { ExecutablePath = executable, Args = Arguments });
    }

    private static string? Find() =>
        (from name in Names
         from folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
         let path = Path.Combine(folder, name)
         where File.Exists(path)
         select path).FirstOrDefault();
}
