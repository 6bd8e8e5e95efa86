namespace Notifier.Names;

internal static class Setup
{
    public static void AddNames(this WebApplicationBuilder builder) => builder.Services.AddSingleton<NameRules>();
}
