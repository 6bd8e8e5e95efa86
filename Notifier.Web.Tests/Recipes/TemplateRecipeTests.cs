using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Recipes;

/// <summary>
/// The recipes of docs/embedding.md for pages that a server renders, as printed, in small applications of Rails, Django, FastAPI and htmx, and in a stand-in
/// for Laravel.
/// </summary>
public sealed class TemplateRecipeTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    private const string Page = "embedding.md";
    private const string Python = "/usr/bin/python3";       // Debian's, which has Debian's packages

    private const string Toast = "notifier-toasts li .text";

    private readonly int port = FreePort.Next();

    private Uri Notifier => new($"http://localhost:{port}");

    [Theory]
    [InlineData("Plain HTML", 0, Toast)]
    [InlineData("Plain HTML", 2, "#list li")]
    [InlineData("The event load", 0, Toast)]
    [InlineData("The event load", 1, "#list li")]
    public async Task A_page_of_plain_html_shows_messages_and_appears_without_notifier(string heading, int block, string message)
    {
        var html = CodeBlock.Under(Page, heading)[block].TextFor(Notifier);
        await using var site = await Site.StartAsync(html.Contains("<h1>", StringComparison.Ordinal) ? html : $"<!doctype html><title>Shop</title><h1>My shop</h1>{html}");

        await ShowsAsync(new Uri(site.Address), "notifications.*", "notifications.new-user", message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_page_that_adds_the_client_after_the_event_load_does_not_wait_for_a_notifier_that_never_answers(int block)
    {
        using var silent = new TcpListener(IPAddress.Loopback, port);
        silent.Start();
        var accepted = silent.AcceptTcpClientAsync();
        await using var site = await Site.StartAsync($"<!doctype html><title>Shop</title><h1>My shop</h1>{CodeBlock.Under(Page, "The event load")[block].TextFor(Notifier)}");
        var page = await browser.NewPageAsync();

        await page.GotoAsync(site.Address, new() { WaitUntil = WaitUntilState.Load, Timeout = 20_000 });

        using var client = await accepted.WaitAsync(Eventually.Limit);
        await page.CloseAsync();
    }

    /// <summary>The list must show the last message of a burst, however close it follows.</summary>
    [Theory]
    [InlineData("htmx.org", "htmx.min.js")]
    [InlineData("htmx.org-2", "htmx.min.js")]
    public async Task A_page_with_htmx_shows_the_last_of_two_messages_that_follow_each_other(string package, string file)
    {
        var htmx = await File.ReadAllTextAsync(Path.Combine(await NodePackages.FolderAsync(), "node_modules", package, "dist", file));
        var recipe = CodeBlock.Under(Page, "htmx").Single().TextFor(Notifier);
        var orders = "none";
        var (requested, answered) = (new TaskCompletionSource(), new TaskCompletionSource());
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using var application = builder.Build();
        application.Urls.Add($"http://localhost:{FreePort.Next()}");
        application.MapGet("/", () => Results.Content($"<!doctype html><title>Shop</title><script src=/htmx.js></script>{recipe}", "text/html"));
        application.MapGet("/htmx.js", () => Results.Content(htmx, "text/javascript"));
        application.MapGet("/orders", async () =>
        {
            var read = Volatile.Read(ref orders);
            if (read == "first")
            {
                requested.TrySetResult();
                await answered.Task;
            }
            return Results.Content($"<i>{read}</i>", "text/html");
        });
        await application.StartAsync();
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, port: port);
        var page = await browser.NewPageAsync();
        await page.GotoAsync(application.Urls.First());
        await page.EvaluateAsync("globalThis.heard = 0; addEventListener('notifier:message', () => heard++)");
        await Expect(page.Locator("i")).ToHaveTextAsync("none");
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == 1, "the page has subscribed");

        Volatile.Write(ref orders, "first");
        await redis.PublishAsync("orders.1", "first");
        await requested.Task.WaitAsync(Eventually.Limit);
        Volatile.Write(ref orders, "second");
        await redis.PublishAsync("orders.1", "second");
        await Eventually.IsAsync(() => page.EvaluateAsync<bool>("heard == 2"), "the page receives the second message");
        answered.TrySetResult();

        await Expect(page.Locator("i")).ToHaveTextAsync("second");
        await page.CloseAsync();
    }

    [Theory]
    [InlineData("htmx.org", "htmx.min.js")]
    [InlineData("htmx.org-2", "htmx.min.js")]
    public async Task A_page_with_htmx_loads_its_list_again_for_each_message_and_appears_without_notifier(string package, string file)
    {
        var htmx = await File.ReadAllTextAsync(Path.Combine(await NodePackages.FolderAsync(), "node_modules", package, "dist", file));
        var recipe = CodeBlock.Under(Page, "htmx").Single().TextFor(Notifier);
        var orders = 0;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var application = builder.Build();
        application.Urls.Add($"http://localhost:{FreePort.Next()}");
        application.MapGet("/", () => Results.Content($"<!doctype html><title>Shop</title><script src=/htmx.js></script><h1>My shop</h1>{recipe}", "text/html"));
        application.MapGet("/htmx.js", () => Results.Content(htmx, "text/javascript"));
        application.MapGet("/orders", () => Results.Content($"<ul><li>order {Interlocked.Increment(ref orders)}</li></ul>", "text/html"));
        await application.StartAsync();
        await using var _ = application;

        await ShowsAsync(new Uri(application.Urls.First()), "orders.*", "orders.42", "li", "order 2");
    }

    [Fact]
    public async Task A_rails_layout_with_turbo_shows_messages_also_on_the_next_page_and_appears_without_notifier()
    {
        var recipe = CodeBlock.Under(Page, "Rails and Hotwire");
        await using var server = new RecipeServer();
        server.Copy("rails");
        var turbo = await File.ReadAllTextAsync(Path.Combine(await NodePackages.FolderAsync(), "node_modules", "@hotwired", "turbo", "dist", "turbo.es2017-umd.js"));
        await server.WriteAsync("public/turbo.js", turbo);
        await server.WriteAsync(
            "app/views/layouts/application.html.erb",
            $"<!DOCTYPE html><html><head><title>Shop</title><script src=\"/turbo.js\" defer></script>{recipe[0].TextFor(Notifier)}</head><body>{recipe[1].Text}<%= yield %></body></html>");
        await server.StartAsync("ruby", ["shop.rb", $"{server.Port}"]);

        await ShowsAsync(server.Address, "notifications.*", "notifications.new-user", Toast, more: async (page, redis, app) =>
        {
            await page.ClickAsync("a");
            await Expect(page.Locator("h1")).ToHaveTextAsync("Orders");
            await redis.PublishAsync("notifications.new-user", "on the next page");
            await Expect(page.Locator(Toast).Last).ToHaveTextAsync("on the next page");
            app.Connections.Count.Should().Be(1);
        });
    }

    [Fact]
    public async Task A_blade_layout_shows_messages_and_appears_without_notifier()
    {
        await using var server = new RecipeServer();
        server.Copy("laravel");
        var recipe = CodeBlock.Under(Page, "Laravel Blade").Single();
        await server.WriteAsync("app.blade.php", $"<!doctype html><title>Shop</title>{recipe.Text}<h1>My shop</h1>");
        await server.StartAsync("php", ["-S", $"127.0.0.1:{server.Port}", "index.php"], ("NOTIFIER_URL", Notifier.ToString().TrimEnd('/')));

        await ShowsAsync(server.Address, "notifications.*", "notifications.new-user", Toast);
    }

    [Fact]
    public async Task A_django_template_shows_the_messages_of_its_user_and_appears_without_notifier()
    {
        await using var server = new RecipeServer();
        await Shell.RunAsync(server.Folder, Python, "-m", "django", "startproject", "shop", ".");
        server.Copy("django", "shop");
        foreach (var block in CodeBlock.Under(Page, "Django templates"))
            await server.WriteAsync(block.File, block.TextFor(Notifier) + (block.Language == "django" ? "<h1>My shop</h1>" : ""));
        await server.WriteAsync("shop/more.py",
            """
            from shop.settings import *
            TEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]
            TEMPLATES[0]["OPTIONS"]["context_processors"].append("shop.context_processors.notifier")
            USE_THOUSAND_SEPARATOR = True
            """);
        await server.StartAsync(Python, ["manage.py", "runserver", "--noreload", "--settings=shop.more", $"127.0.0.1:{server.Port}"]);

        await ShowsAsync(server.Address, "user.1234.*", "user.1234.orders", Toast, user: "1234");
    }

    [Fact]
    public async Task A_fastapi_page_shows_messages_and_appears_without_notifier()
    {
        await using var server = new RecipeServer();
        var recipe = CodeBlock.Under(Page, "FastAPI").Single();
        await server.WriteAsync(recipe.File, recipe.TextFor(Notifier));
        await server.StartAsync(Python, ["-m", "uvicorn", "main:app", "--port", $"{server.Port}"]);

        await ShowsAsync(server.Address, "notifications.*", "notifications.new-user", Toast);
    }

    /// <summary>Opens the page with Notifier, publishes, and opens it again without.</summary>
    private async Task ShowsAsync(
        Uri site, string pattern, string channel, string locator, string shown = "Mathias signed up", string? user = null, Func<IPage, RedisServer, NotifierApp, Task>? more = null)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, port: port);
        var page = await Unplugged.NewPageAsync(browser, site, user);
        await page.GotoAsync(site.ToString());
        await Expect(page.Locator("h1")).ToHaveTextAsync("My shop");
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == 1, $"the page has subscribed to {pattern}");

        await redis.PublishAsync(channel, "Mathias signed up");

        await Expect(page.Locator(locator)).ToHaveTextAsync([shown]);
        if (more is not null)
            await more(page, redis, app);
        await page.CloseAsync();
        await app.StopAsync();
        await Unplugged.ThePageAppearsAsync(browser, site, port, user);
    }
}
