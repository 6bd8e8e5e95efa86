using Microsoft.Playwright;
using Xunit;

namespace Notifier.Tests.Support;

/// <summary>
/// One real headless Chromium for the tests of pages. Each page has its own profile. Classes share the browser, and some run concurrently.
/// More browsers would compete with the pages for the processors.
/// </summary>
public sealed class BrowserFixture : IAsyncLifetime
{
    private const int AtOnce = 2;

    private const string HeadlessShell = "chromium-headless-shell";

    /// <summary>This machine under a name that a browser does not trust over http.</summary>
    internal const string InsecureHost = "shop.test";

    /// <summary>
    /// The same names as in test-setup.sh. Debian's headless shell comes first: it starts a renderer in a third of the processor time, and the
    /// engine is the same.
    /// </summary>
    private static readonly string[] Names = [HeadlessShell, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

    /// <summary>Chromium has no sandbox as root. The other arguments stop its own network traffic and updates.</summary>
    private static readonly string[] Arguments =
    [
        "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        // Not localhost, so over http its pages lack locks and everything else that needs a secure context.
        $"--host-resolver-rules=MAP {InsecureHost} 127.0.0.1,MAP *.{InsecureHost} 127.0.0.1",
    ];

    private static readonly SemaphoreSlim Places = new(AtOnce);

    /// <summary>Ends with this process, because Playwright's driver notices the end.</summary>
    private static readonly Lazy<Task<IBrowser>> Shared = new(static () => LaunchAsync(Names));

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

    /// <summary>Starts another browser, with a back/forward cache, which neither the headless shell nor Playwright's arguments have. The caller closes it.</summary>
    internal static Task<IBrowser> LaunchWithCacheAsync() => LaunchAsync([.. Names.Where(static name => name != HeadlessShell)], "--disable-back-forward-cache");

    /// <param name="names">The programs that will do.</param>
    /// <param name="without">Arguments of Playwright's that the browser does not get.</param>
    private static async Task<IBrowser> LaunchAsync(string[] names, params string[] without)
    {
        var executable = Find(names) ?? throw new InvalidOperationException(
            $"These tests need a Chromium, and none of {string.Join(", ", names)} is on the PATH. "
            + "On Debian and Ubuntu ./test.sh installs it.");
        Assertions.SetDefaultExpectTimeout((float)Eventually.Limit.TotalMilliseconds);
        var playwright = await Playwright.CreateAsync();
        // With an explicit path Playwright downloads nothing. Its driver is in the output of the tests.
        return await playwright.Chromium.LaunchAsync(new() { ExecutablePath = executable, Args = Arguments, IgnoreDefaultArgs = without });
    }

    private static string? Find(string[] names) =>
        (from name in names
         from folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
         let path = Path.Combine(folder, name)
         where File.Exists(path)
         select path).FirstOrDefault();
}
