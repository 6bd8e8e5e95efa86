using Notifier.Access;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Endpoints;
using Notifier.History;
using Notifier.Hub;
using Notifier.Names;
using Notifier.Operations;
using Notifier.Redis;

try
{
    await Server.Build(args).RunAsync();
    return 0;
}
catch (Exception error) when (StartupFailure.Describe(error) is { } failure)
{
    await Console.Error.WriteLineAsync($"Notifier cannot start. {failure}");
    return 1;
}

/// <summary>
/// Builds the server; read it as a table of contents. Each folder registers its services and maps its routes in its Setup.cs. Services are registered in the
/// order of the folders: a folder uses only those before it. Only the log, which belongs to Operations, is set up first.
/// </summary>
internal static class Server
{
    /// <param name="args">Configuration, such as <c>--Redis:Configuration=localhost:6379</c>.</param>
    /// <param name="adapt">Tests replace services here.</param>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? adapt = null)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            Args = args,
            // appsettings.json and the page are beside the program, whatever the working directory is.
            ContentRootPath = AppContext.BaseDirectory,
            WebRootPath = "wwwroot-demo",
        });
        builder.AddLog();
        builder.AddConfiguration();
        builder.AddNames();
        builder.AddAccess();
        builder.AddRedis();
        builder.AddHistory();
        builder.AddConnections();
        builder.AddHub();
        builder.AddEndpoints();
        builder.AddOperations();
        adapt?.Invoke(builder);

        var app = builder.Build();
        app.ValidateConfiguration();    // all options, before the calls below read some of them
        app.StartTelemetry();
        app.UseSecurityHeaders();
        app.UseKnownProxies();
        app.UseOperations();
        app.UseConnections();
        app.MapEndpoints();
        app.MapOperations();
        return app;
    }
}
