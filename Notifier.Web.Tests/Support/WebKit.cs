using System.Diagnostics.CodeAnalysis;
using OpenQA.Selenium;
using OpenQA.Selenium.Remote;

namespace Notifier.Tests.Support;

/// <summary>WebKitGTK's MiniBrowser on a display that nobody sees, driven by WebKitWebDriver. The driver has one current window at a time.</summary>
[SuppressMessage("Design", "CA1001", Justification = "xUnit calls DisposeAsync.")]
public sealed class WebKit : Engine
{
    private readonly SemaphoreSlim one = new(1);
    private RemoteWebDriver? driver;
    private string first = "";

    private protected override async Task StartAsync()
    {
        var display = await StartAsync(["Xvfb"], ["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"], [], "^([0-9]+)$");
        var port = FreePort.Next();
        await StartAsync(["WebKitWebDriver"], [$"--port={port}"], [("DISPLAY", $":{display}")]);
        var address = new Uri($"http://127.0.0.1:{port}");
        using var http = new HttpClient();
        await Eventually.IsAsync(
            async () =>
            {
                try
                {
                    return (await http.GetAsync(new Uri(address, "status"))).IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "WebKitWebDriver listens");
        await OwnThread.RunAsync(() => driver = new RemoteWebDriver(address, new MiniBrowser()));
        first = driver!.CurrentWindowHandle;
    }

    internal override async Task<Tab> OpenAsync(string address)
    {
        var handle = await DoAsync(() =>
        {
            // The current one may be closed. A tab would be in the background, where WebKit draws no frames.
            driver!.SwitchTo().Window(first).SwitchTo().NewWindow(WindowType.Window);
            return driver.CurrentWindowHandle;
        });
        var tab = new WebKitTab(this, handle);
        await tab.GoToAsync(address);
        return tab;
    }

    public override async Task DisposeAsync()
    {
        if (driver is not null)
            await OwnThread.RunAsync(driver.Dispose);
        await base.DisposeAsync();
        one.Dispose();
    }

    private async Task<T> DoAsync<T>(Func<T> act)
    {
        await one.WaitAsync();
        try
        {
            return await Task.Run(act);
        }
        finally
        {
            one.Release();
        }
    }

    private sealed class MiniBrowser : DriverOptions
    {
        public MiniBrowser() => BrowserName = "MiniBrowser";

        public override ICapabilities ToCapabilities() => GenerateDesiredCapabilities(true).AsReadOnly();
    }

    private sealed class WebKitTab(WebKit browser, string handle) : Tab
    {
        public override Task GoToAsync(string address) => DoAsync(driver => driver.Navigate().GoToUrl(address));

        public override Task ReloadAsync() => DoAsync(static driver => driver.Navigate().Refresh());

        public override Task BackAsync() => DoAsync(static driver => driver.Navigate().Back());

        private protected override Task<string> EvaluateJsonAsync(string expression) =>
            browser.DoAsync(() => (string)At().ExecuteScript($"return {expression}")!);

        private protected override bool IsAboutThePage(Exception error) => error is JavaScriptException or NoSuchWindowException;

        public override async ValueTask DisposeAsync() => await DoAsync(static driver => driver.Close());

        private Task<int> DoAsync(Action<RemoteWebDriver> act) => browser.DoAsync(() =>
        {
            act(At());
            return 0;
        });

        private RemoteWebDriver At()
        {
            browser.driver!.SwitchTo().Window(handle);
            return browser.driver;
        }
    }
}
