using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Recipes;

/// <summary>What a page of an application does while Notifier is down.</summary>
internal static class Unplugged
{
    /// <summary>A page that waits for Notifier would take longer: browsers wait for minutes.</summary>
    private const float Limit = 10_000;

    /// <summary>Notifier has just stopped: the port first refuses connections, and then belongs to a server that never answers.</summary>
    /// <param name="browser">The browser.</param>
    /// <param name="site">The application's page, with the heading "My shop".</param>
    /// <param name="notifier">Notifier's port on this machine.</param>
    /// <param name="user">Who is logged in.</param>
    public static async Task ThePageAppearsAsync(BrowserFixture browser, Uri site, int notifier, string? user = null)
    {
        await AppearsAsync(browser, site, user);
        using var silent = new TcpListener(IPAddress.Loopback, notifier);
        silent.Start();
        var accepted = silent.AcceptTcpClientAsync();
        await AppearsAsync(browser, site, user);
        using var client = await accepted.WaitAsync(Eventually.Limit);
    }

    /// <param name="browser">The browser.</param>
    /// <param name="site">The application.</param>
    /// <param name="user">Who is logged in: the applications of these tests read a cookie.</param>
    public static async Task<IPage> NewPageAsync(BrowserFixture browser, Uri site, string? user)
    {
        var page = await browser.NewPageAsync();
        if (user is not null)
            await page.Context.AddCookiesAsync([new() { Name = "user", Value = user, Url = site.ToString() }]);
        return page;
    }

    private static async Task AppearsAsync(BrowserFixture browser, Uri site, string? user)
    {
        var page = await NewPageAsync(browser, site, user);
        var errors = new List<string>();
        page.PageError += (_, error) => errors.Add(error);
        await page.GotoAsync(site.ToString(), new() { WaitUntil = WaitUntilState.DOMContentLoaded, Timeout = Limit });
        await Expect(page.Locator("h1")).ToHaveTextAsync("My shop", new() { Timeout = Limit });
        errors.Should().BeEmpty();
        await page.CloseAsync();
    }
}
